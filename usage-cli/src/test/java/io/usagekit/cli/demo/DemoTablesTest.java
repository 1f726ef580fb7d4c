package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class DemoTablesTest {

    @Test
    void printsWhereTheCallersOfEachProcessGotTheirAnswersFrom() {
        List<DemoAnswers> ofEach = List.of(
                new DemoAnswers(16, 0, 0, 1, Duration.ofMillis(120)),
                new DemoAnswers(0, 14, 2, 0, Duration.ofNanos(1_234_567_890)));

        assertThat(DemoTables.fleet(ofEach)).isEqualToNormalizingNewlines("""
                        +---------+---------+---------------------------------------+--------------------+
                        | process | callers | answered from                         | slowest caller, ms |
                        +---------+---------+---------------------------------------+--------------------+
                        |       1 |      16 | 16 computed here                      |              120.0 |
                        |       2 |      16 | 14 followed another, 2 found in Redis |            1,234.6 |
                        +---------+---------+---------------------------------------+--------------------+""");
    }
}
