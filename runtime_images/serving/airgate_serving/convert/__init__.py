"""Models of scikit-learn, XGBoost and LightGBM become ONNX, and prove row by row that they answer the same.

In comes a loaded model; out go ONNX bytes and what a comparison on many rows showed. Opening files and locking the
process is left to `formats` and `trials`.
"""
