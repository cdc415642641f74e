"""What a checkpoint can do: the paper's tasks across languages, fine-tuned or measured, with their spread over seeds.

Here: tasks, their data, metrics and tables. `encoder` and `fine_tuning` import torch when they are imported, except for
`encoder/inputs.py` and `encoder/text_encoder.py`; the other rooms do without torch. Not here: the model itself
(`pretraining`). Nothing imports this room.
"""
