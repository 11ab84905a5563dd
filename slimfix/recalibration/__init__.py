"""Recalibration: moving statistics computed anew, as the exact moments of a population of data.

A plan decides which inputs to measure in which pass; `run_plan` carries it out in a session.
"""
