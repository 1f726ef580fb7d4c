package io.usagekit.internal;

import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Names and values in words that no other names and values have: lengths stand before the texts. */
public final class CanonicalText {

    private final StringBuilder text = new StringBuilder();

    /** What is absent is left out. */
    public void add(String name, Optional<String> value) {
        value.ifPresent(present -> addAll(name, Optional.of(List.of(present))));
    }

    /** What is absent is left out; what is empty isn't. */
    public void addAll(String name, Optional<? extends Collection<String>> values) {
        values.ifPresent(present -> {
            text.append(text.isEmpty() ? "" : " ").append(name).append('=').append(present.size());
            present.forEach(
                    value -> text.append(':').append(value.length()).append(':').append(value));
        });
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
