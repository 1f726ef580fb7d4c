package io.usagekit.postgres.events;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.internal.SqlTemplate;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** An installation replaces functions of earlier versions: a change of a function needs a new version. */
class FunctionsVersionTest {

    private static final String VERSION_AND_DIGEST = "6 745f2ebf";

    @Test
    void isRaisedWithEachChange() {
        String scripts = IdTable.EVENTS.script("s")
                + IdTable.DELIVERIES.script("s")
                + SqlTemplate.fill(SqlTemplate.resource("events/triggers.sql"), LedgerSql.objects("s"));
        CRC32 digest = new CRC32();
        digest.update(scripts.lines()
                .filter(line -> !line.strip().startsWith("--"))
                .collect(Collectors.joining("\n"))
                .getBytes(UTF_8));
        assertThat(LedgerSql.FUNCTIONS_VERSION + " " + Long.toHexString(digest.getValue()))
                .as(
                        "version and digest of ids.sql and triggers.sql: raise LedgerSql.FUNCTIONS_VERSION, and change this text")
                .isEqualTo(VERSION_AND_DIGEST);
    }
}
