"""What to do with files that are not read."""

from __future__ import annotations

from collections.abc import Mapping

_WAYS = {
    (".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"): "Unpack it first.",
    (".npy",): "Give the table of labels, and this file with --embeddings or --probs.",
    (".pkl", ".pickle", ".joblib"): "Pickles are not run. Save a table: pandas.read_pickle(path).to_parquet(...)",
    (".pt", ".pth"): "Pickles are not run. Save its arrays: numpy.savez(file, x=..., y=...)",
    (".h5", ".hdf5", ".mat"): "Save its arrays: numpy.savez(file, x=..., y=...)",
    (".sqlite", ".sqlite3", ".db"): "Save a table: pandas.read_sql(query, connection).to_csv(...)",
    (".rds", ".rdata"): "Save a table: write.csv(...) in R",
    (".sav",): "Save a table: pandas.read_spss(path).to_parquet(...)",
    (".dta",): "Save a table: pandas.read_stata(path).to_parquet(...)",
    (".sas7bdat", ".xpt"): "Save a table: pandas.read_sas(path).to_parquet(...)",
    (".orc",): "Save a table: pandas.read_orc(path).to_parquet(...)",
    (".avro",): "Save a table: a JSON object for each record, one a line (.jsonl)",
    (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus"): (
        "Sounds are not read: make a vector of each, and give a table of labels with --embeddings FILE.npy."
    ),
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): "Films are not read: take images from them, into class folders.",
    (".pdf", ".docx", ".doc", ".html", ".htm"): "Save their texts as .txt, in the same folders.",
    (".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".beton"): "Write its samples as class folders, or as tar shards.",
    (".libsvm", ".svm", ".svmlight"): "Write a column for each feature: sklearn.datasets.load_svmlight_file(path)",
    (".xml", ".yaml", ".yml"): "Give a table of paths and labels, and --image-root for the images.",
}
OTHER_HINTS: Mapping[str, str] = {suffix: way for suffixes, way in _WAYS.items() for suffix in suffixes}
