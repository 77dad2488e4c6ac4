# Everything of docker-compose.yml, from one Debian base image.  Where that image can be neither
# found nor pulled, etc/docker/base-image makes it.
#
# Written for the old builder as well as for BuildKit: no mounts, no --chmod.  The old one builds
# all stages above its target, so the stages that are needed first come first.

FROM debian:bookworm-slim AS base
ENV DEBIAN_FRONTEND=noninteractive
# All packages by topic; `topic NAME` prints those of one.
COPY etc/packages /etc/packages
COPY etc/docker/topic /usr/local/bin/


# A PostgreSQL server, and what pgbench runs in.
FROM base AS node
# Debian's package makes a cluster when it is installed; ours is made at the first start.
RUN mkdir -p /etc/postgresql-common \
	&& echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
	&& apt-get update && apt-get install -y --no-install-recommends $(topic 'a real cluster') \
	&& rm -rf /var/lib/apt/lists/* \
	&& install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH
COPY etc/docker/node etc/docker/bench etc/docker/http-get /usr/local/bin/
USER postgres
VOLUME /var/lib/postgresql/data
# Fast shutdown: clients are told to go instead of being waited for.
STOPSIGNAL SIGINT
CMD ["node"]


FROM base AS build
# The second compiler, clang, is for the tests.
RUN apt-get update && apt-get install -y --no-install-recommends \
	$(topic build | grep -v clang) $(topic libraries) && rm -rf /var/lib/apt/lists/*
WORKDIR /pgweir
COPY CMakeLists.txt ./
COPY src src
COPY proxy proxy
RUN cmake -S . -B build -DCMAKE_BUILD_TYPE=Release \
	&& cmake --build build --target pgweir -j "$(nproc)" \
	&& strip -o /usr/local/bin/pgweir build/pgweir
# The packages whose libraries the program loads, for the stage below.
RUN ldd /usr/local/bin/pgweir | awk '$3 ~ /^\// { print $3 }' | xargs -n 1 realpath \
	| xargs dpkg -S | cut -d: -f1 | sort -u >/usr/local/share/pgweir-needs


FROM base AS pgweir
COPY --from=build /usr/local/share/pgweir-needs /usr/local/share/pgweir-needs
RUN apt-get update && apt-get install -y --no-install-recommends $(cat /usr/local/share/pgweir-needs) \
	&& rm -rf /var/lib/apt/lists/* \
	&& groupadd --gid 6432 pgweir \
	&& useradd --uid 6432 --gid 6432 --no-create-home --shell /usr/sbin/nologin pgweir \
	&& install -d -o pgweir -g pgweir -m 0700 /run/pgweir
COPY --from=build /usr/local/bin/pgweir /usr/local/bin/pgweir
COPY etc/docker/pgweir.ini /etc/pgweir/pgweir.ini
COPY etc/docker/pgweir /usr/local/bin/pgweir-start
COPY etc/docker/http-get /usr/local/bin/
USER pgweir
EXPOSE 6432 9432
HEALTHCHECK --interval=2s --timeout=2s --start-period=5s --retries=15 \
	CMD ["http-get", "127.0.0.1", "9432", "/readyz"]
ENTRYPOINT ["pgweir-start"]
