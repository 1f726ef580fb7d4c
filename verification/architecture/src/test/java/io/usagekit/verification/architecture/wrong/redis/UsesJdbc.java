package io.usagekit.verification.architecture.wrong.redis;

import io.usagekit.verification.architecture.wrong.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;

/** An adapter that uses another one, and a driver. */
public final class UsesJdbc {

    private final TableMapping mapping;

    /** With a mapping of the other adapter. */
    public UsesJdbc(TableMapping mapping) {
        this.mapping = mapping;
    }

    /** Sleeps, and lets the driver's exception out. */
    public String read(Connection connection) throws SQLException, InterruptedException {
        Thread.sleep(1);
        return connection.getCatalog() + mapping.schema();
    }
}
