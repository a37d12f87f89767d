"""Attacks on a running server, made from seeds over its own schema, with what each of them costs it.

`python -m tests.attack --help` runs many; `test_attack.py` runs a few in every test run.
"""
