package io.usagekit.testkit.internal;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.function.Executable;

/** Assertions of several contract suites. */
public final class ContractAssertions {

    private ContractAssertions() {}

    /** Asserts that the call throws {@link IllegalArgumentException} whose message contains each of the words. */
    public static void assertRejected(Executable call, String... words) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, call);
        for (String word : words) {
            assertTrue(error.toString().contains(word), () -> "the message names " + word + ", but was: " + error);
        }
    }
}
