"""What is kept in an output folder: the ledger's database, its lock, the records of before."""
