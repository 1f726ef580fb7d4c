package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MissPolicyTest {

    @Test
    void eachPolicyKnowsItsLongestWait() {
        assertThat(MissPolicy.await().limit()).isEmpty();
        assertThat(MissPolicy.pending().limit()).contains(Duration.ZERO);
        assertThat(MissPolicy.awaitUpTo(Duration.ofSeconds(2)).limit()).contains(Duration.ofSeconds(2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0.000000001S", "PT24H"})
    void aWaitUpToADayIsAccepted(Duration limit) {
        assertThat(MissPolicy.awaitUpTo(limit).limit()).contains(limit);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-1S", "PT24H0.000000001S", "PT2562047788015215H30M7S"})
    void anyOtherWaitIsRejected(Duration limit) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MissPolicy.awaitUpTo(limit))
                .withMessage("limit must be positive and at most PT24H, but was " + limit);
    }

    @Test
    void aPolicyInALogLineSaysWhatItDoes() {
        assertThat(MissPolicy.await()).hasToString("await");
        assertThat(MissPolicy.awaitUpTo(Duration.ofSeconds(2))).hasToString("await up to PT2S");
        assertThat(MissPolicy.pending()).hasToString("await up to PT0S");
    }
}
