/** What every adapter promises, as JUnit suites to extend: one per port. */
@NullMarked
package io.usagekit.testkit.contract;

import org.jspecify.annotations.NullMarked;
