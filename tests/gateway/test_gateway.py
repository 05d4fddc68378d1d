        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=airgate", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
        check=True,
