"""Targets that are no classes: at which layer can a number, a grade or each of several labels be read?"""
