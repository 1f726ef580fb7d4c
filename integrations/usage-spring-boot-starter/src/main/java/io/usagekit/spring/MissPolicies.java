package io.usagekit.spring;

import io.usagekit.MissPolicy;
import org.springframework.boot.convert.DurationStyle;

/** The text form of {@link MissPolicy}. */
final class MissPolicies {

    private MissPolicies() {}

    /**
     * Parses {@code await}, {@code pending}, or a duration of Spring's or ISO 8601's form.
     *
     * @throws IllegalArgumentException if the text is none of them; the message begins with the property's name
     */
    static MissPolicy parse(String text) {
        if (text.equalsIgnoreCase("await")) {
            return MissPolicy.await();
        }
        if (text.equalsIgnoreCase("pending")) {
            return MissPolicy.pending();
        }
        try {
            return MissPolicy.awaitUpTo(DurationStyle.detectAndParse(text));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "missPolicy must be await, pending, or a positive duration of at most a day such as 200ms, but was \""
                            + text + "\"",
                    e);
        }
    }
}
