package io.usagekit.servers;

import org.testcontainers.postgresql.PostgreSQLContainer;

/** PostgreSQL from an image. */
record PostgresContainer(PostgreSQLContainer container) implements PostgresServer {

    @SuppressWarnings("resource") // close() ends it
    static PostgresServer start(String image) {
        Docker.require();
        PostgreSQLContainer container = new PostgreSQLContainer(image);
        container.start();
        return new PostgresContainer(container);
    }

    @Override
    public String jdbcUrl() {
        String url = container.getJdbcUrl();
        return url + (url.indexOf('?') < 0 ? "?" : "&") + "user=" + container.getUsername() + "&password="
                + container.getPassword();
    }

    @Override
    public void close() {
        container.stop();
    }
}
