"""A fictional region with years of history, told through the rules: for trying out, and as a proof that they work.

- `region.yaml`, `kinds.yaml`, `devices/*.yaml` are the content: who and where, what is alike, each device's story.
- `region` settles the places and people, `stories` reads the devices, `telling` lives them in the order of time,
  `papers` writes the files they hand in, `falling_due` lets the deadlines follow, `proof` looks at what came out.
- A device's story is made of `days` (when), `life` (who, and what they do), `programs` (of software), `proposal` (up to
  the decision), `route` (the way to use) and `afterwards`.
"""
