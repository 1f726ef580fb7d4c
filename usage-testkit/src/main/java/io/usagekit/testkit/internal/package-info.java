/** What several contract suites and in-memory implementations use. Not exported. */
@NullMarked
package io.usagekit.testkit.internal;

import org.jspecify.annotations.NullMarked;
