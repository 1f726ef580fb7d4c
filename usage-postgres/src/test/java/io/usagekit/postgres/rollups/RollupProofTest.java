package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class RollupProofTest {

    @Test
    void aMessageNamesThreeAlterationsAndSaysHowManyThereAreBeside() {
        assertThat(RollupProof.inWords(List.of("a"))).isEqualTo("a");
        assertThat(RollupProof.inWords(List.of("a", "b", "c"))).isEqualTo("a; b; c");
        assertThat(RollupProof.inWords(List.of("a", "b", "c", "d", "e")))
                .isEqualTo("a; b; c; and 2 more, which status() lists");
    }
}
