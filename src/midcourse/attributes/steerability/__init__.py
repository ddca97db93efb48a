"""Do the dials do what they say? Requested against obtained, on prompts that were held out."""
