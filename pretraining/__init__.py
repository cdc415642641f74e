"""Pretraining: mLUKE in PyTorch, from training examples to a checkpoint that transformers can load.

One encoder reads words and entities, and predicts masked words and masked entities. mLUKE: Ri, Yamada, Tsuruoka,
"mLUKE: The Power of Entity Representations in Multilingual Pretrained Language Models", ACL 2022.
"""
