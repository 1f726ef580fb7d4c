package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DemoAnswersTest {

    private static final DemoAnswers ANSWERS = new DemoAnswers(1, 2, 3, 4, Duration.ofNanos(5));

    @Test
    void aLineIsReadAsItWasWritten() {
        assertThat(DemoAnswers.ofLine(ANSWERS.toLine())).isEqualTo(ANSWERS);
        assertThat(ANSWERS.callers()).isEqualTo(6);
    }

    @Test
    void anotherLineIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DemoAnswers.ofLine("1 2"))
                .withMessage("an answer must have 5 fields, but was '1 2'");
    }

    @Test
    void whatNobodyGotIsLeftOut() {
        assertThat(ANSWERS.sources()).isEqualTo("1 computed here, 2 followed another, 3 found in Redis");
        assertThat(new DemoAnswers(0, 16, 0, 0, Duration.ZERO).sources()).isEqualTo("16 followed another");
    }
}
