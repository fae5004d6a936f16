"""Files in and out: pictures, videos, addresses, their limits, and the marks of what is generated."""
