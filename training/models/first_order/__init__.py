"""The families with first-order motion: FOMM (and Monkey-Net), MRAA, DAM (and HDAM), DiME."""
