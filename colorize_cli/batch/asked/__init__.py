"""What the user asks for beside folders: names, lists, single files, standard input and output."""
