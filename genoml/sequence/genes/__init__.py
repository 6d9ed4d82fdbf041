"""Genes: genetic codes, transcription, translation and open reading frames."""
