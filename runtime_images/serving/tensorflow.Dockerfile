# Airgate serving with TensorFlow for the CPU: the serving image, and what Keras and SavedModels need. BASE is Airgate's own base image; the build context `wheels` holds the wheels of locks/serving-tensorflow.txt and pip.
ARG BASE
FROM ${BASE} AS build
USER 0
COPY runtime_images/base/pip.txt locks/serving-tensorflow.txt /build/
# pip runs from its own wheel. TensorFlow's headers and libclang (350 MB) are for building with it. Bytecode is made below, with hashes that are not looked at again: same bytes every time.
RUN --mount=type=bind,from=wheels,target=/wheels \
    PYTHONPATH=$(echo /wheels/pip-*.whl) python3 -m pip install --no-index --find-links /wheels --require-hashes \
    --no-compile --no-cache-dir --root-user-action ignore --target /opt/airgate/wheels -r /build/serving-tensorflow.txt \
 && rm -rf /opt/airgate/wheels/tensorflow/include /opt/airgate/wheels/clang \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/airgate/wheels
COPY plugin_src/airgate_protocols /opt/airgate/code/airgate_protocols
COPY runtime_images/serving/airgate_serving /opt/airgate/code/airgate_serving
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/airgate/code

FROM ${BASE}
COPY --from=build /opt/airgate/wheels /opt/airgate/wheels
COPY --from=build /opt/airgate/code /opt/airgate/code
# ONNX Runtime would report to its maker; TensorFlow would tell stderr what it finds; Keras would write settings at home.
ENV ORT_DISABLE_TELEMETRY=1 TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow KERAS_HOME=/dev/null
USER 65532:65532
ENTRYPOINT ["python3", "-m", "airgate_serving"]
LABEL org.opencontainers.image.title="Airgate serving with TensorFlow"
