"""The verbs, one file each, in the order of a campaign's life. No file formats, no physics."""
