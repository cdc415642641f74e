"""Pretraining: mLUKE in PyTorch, from training examples to a checkpoint that transformers can load.

Words and entities go through one encoder; masked words and masked entities are predicted. mLUKE: Ri, Yamada,
Tsuruoka, "mLUKE: The Power of Entity Representations in Multilingual Pretrained Language Models", ACL 2022.
"""
