"""Published weights of TPSMM, FOMM, MRAA and DAM: opened safely, fitted to our models, and kept as safetensors."""
