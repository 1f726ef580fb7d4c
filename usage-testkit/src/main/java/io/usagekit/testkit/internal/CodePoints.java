package io.usagekit.testkit.internal;

import java.util.Arrays;
import java.util.Comparator;

/** Code points, by which ledgers sort texts. */
public final class CodePoints {

    /** Order of texts by code points, which is that of their octets in UTF-8. {@link String#compareTo} compares UTF-16 code units instead. */
    public static final Comparator<String> ORDER =
            Comparator.comparing(text -> text.codePoints().toArray(), Arrays::compare);

    private CodePoints() {}
}
