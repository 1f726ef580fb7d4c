package io.usagekit.cli.demo;

import io.usagekit.UsageKey;
import io.usagekit.cli.support.DatabaseOptions;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Objects;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Orders to each process of the demo's fleet: where the servers are, and which figure to request. Handed over by a pipe, since
 * there may be passwords in it, and arguments can be read by everybody.
 *
 * @param user empty if there is none
 * @param password empty if there is none
 */
record DemoOrders(
        String jdbcUrl,
        String user,
        String password,
        String schema,
        String redisUrl,
        String keyPrefix,
        String organisationId) {

    /** How many ask at once, in each process. */
    static final int CALLERS = 16;

    static DemoOrders of(DemoBackends backends, String schema, String keyPrefix, String organisationId) {
        PGSimpleDataSource connections = backends.connections();
        return new DemoOrders(
                connections.getURL(),
                Objects.requireNonNullElse(connections.getUser(), ""),
                Objects.requireNonNullElse(connections.getPassword(), ""),
                schema,
                backends.redisUrl(),
                keyPrefix,
                organisationId);
    }

    static DemoOrders read(DataInputStream in) throws IOException {
        return new DemoOrders(
                in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF());
    }

    void write(DataOutputStream out) throws IOException {
        out.writeUTF(jdbcUrl);
        out.writeUTF(user);
        out.writeUTF(password);
        out.writeUTF(schema);
        out.writeUTF(redisUrl);
        out.writeUTF(keyPrefix);
        out.writeUTF(organisationId);
    }

    PGSimpleDataSource connections() {
        PGSimpleDataSource connections = DatabaseOptions.connectingTo(jdbcUrl);
        if (!user.isEmpty()) {
            connections.setUser(user);
        }
        if (!password.isEmpty()) {
            connections.setPassword(password);
        }
        return connections;
    }

    UsageKey key() {
        return new UsageKey(organisationId, DemoCommand.MONTH);
    }
}
