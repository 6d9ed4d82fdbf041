"""From contributions of bases to the stretches that matter: seqlets."""
