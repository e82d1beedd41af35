"""Backup and restore: the database, the files and the log of seals in one folder; the keys apart, encrypted.

A folder of backups holds one folder for each backup, named by its moment, and beside them every stored file once, under the
name of its hash. A backup is whole when it has its manifest; until then its folder has another name.

    backups/
        files/sha256/ab/cd/abcd…        what the backups share
        2026-11-30T021500.000Z/         manifest.json  database  files.txt  seals.log

- `making.make(folder)` makes one, `restoring.restore(folder)` puts one into an empty machine.
- `keys.pack()` and `keys.unpack()` are the secrets and the key to seal with; they never lie in a folder of backups.
- `last` knows when the last one was made, and tells when that is too long ago.
"""
