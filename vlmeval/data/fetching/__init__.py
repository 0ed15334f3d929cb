"""Downloads from the official homes; the door is `vlmeval.data.fetch`.

source.py reads what is to be had (YAML), plan.py says what would be done, dataverse.py asks Dataverse for addresses,
download.py gets one file, unpack.py opens an archive, run.py does it all.
"""
