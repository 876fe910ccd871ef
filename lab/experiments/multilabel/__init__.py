"""The question of several labels an image: at which layer can each be read?"""
