package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

class DemoOrdersTest {

    private static DemoOrders orders(String user, String password) {
        return new DemoOrders(
                "jdbc:postgresql://host:1234/db?ssl=false", user, password, "s", "redis://:p@h", "prefix", "org-é");
    }

    @Test
    void areReadAsTheyWereWritten() throws IOException {
        DemoOrders orders = orders("é", "line 1\nline 2");
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        orders.write(new DataOutputStream(octets));

        assertThat(DemoOrders.read(new DataInputStream(new ByteArrayInputStream(octets.toByteArray()))))
                .isEqualTo(orders);
    }

    @Test
    void connectAsTheOneWhoGivesThemDoes() {
        PGSimpleDataSource connections = orders("somebody", "secret").connections();

        assertThat(connections.getURL())
                .startsWith("jdbc:postgresql://host:1234/db?")
                .contains("ssl=false");
        assertThat(connections.getUser()).isEqualTo("somebody");
        assertThat(connections.getPassword()).isEqualTo("secret");
        assertThat(orders("", "").connections().getPassword()).isNull();
    }
}
