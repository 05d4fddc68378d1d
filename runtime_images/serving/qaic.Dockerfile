# Airgate serving for Qualcomm's cards: BASE, which is Airgate's serving image, and the Platform SDK. Its licence lets nobody pass it on, so the build context `sdk` is the folder /opt/qti-aic of a machine of the site where it is installed.
ARG BASE
FROM ${BASE}
COPY --from=sdk . /opt/qti-aic
LABEL org.opencontainers.image.title="Airgate serving-qaic"
