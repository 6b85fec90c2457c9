"""Hyperparameter studies: which hyperparameters matter, and which value is the best trade of loss against time.

A trial of a study is a run: the same `fit`, the same run directory. `spec` says what can be asked for, `records` what
is written down, `picks` which value is taken and why, `journal` keeps Optuna's own record, `scheduler` has the trials
trained by one of the `executors`.
"""
