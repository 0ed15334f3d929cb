"""Image vectors that somebody else computed: reading foreign npz files, joining rows to samples, writing plain files.

pickled.py, pickled_arrays.py   a pickle stream read as data: nothing in it is imported or called
npz_objects.py                  the arrays of an npz or npy file, object arrays included
layouts.py                      which of them are names and which vectors
join.py                         rows to samples: by id, image path, file name
plain.py                        the plain formats, written; `vlmeval.encoders.precomputed` reads them
convert.py                      all of it in order: `vlmeval data convert`
"""
