"""The question of numbers: at which layer can a number of each image be read?"""
