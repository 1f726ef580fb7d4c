/** Contract suite of repositories of events, which each implementation passes. */
@NullMarked
package io.usagekit.testkit.contract.events;

import org.jspecify.annotations.NullMarked;
