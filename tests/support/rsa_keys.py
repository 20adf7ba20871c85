"""Two shared RSA keys, as creating one takes a fifth of a second."""

from cryptography.hazmat.primitives.asymmetric import rsa

RSA_KEY, OTHER_RSA_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))
