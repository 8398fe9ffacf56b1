"""Pictures: reading uploads safely, preprocessing, data sets and samples."""
