/** What several contract suites use. Not exported. */
@NullMarked
package io.usagekit.testkit.internal;

import org.jspecify.annotations.NullMarked;
