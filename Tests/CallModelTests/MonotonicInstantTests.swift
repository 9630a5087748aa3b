import CallModel
import Testing

@Suite struct MonotonicInstantTests {
  @Test func arithmetic() {
    let start = MonotonicInstant(nanoseconds: 1_000)
    #expect(start + .microseconds(1) == MonotonicInstant(nanoseconds: 2_000))
    #expect(start - .nanoseconds(1) == MonotonicInstant(nanoseconds: 999))
    #expect((start + .seconds(2)) - start == .milliseconds(2_000))
    #expect(MonotonicInstant.zero < start)
    #expect(TimeSpan.seconds(3) * 2 == .seconds(6))
    #expect(TimeSpan.seconds(1) - .milliseconds(1) == .milliseconds(999))
    #expect(TimeSpan.milliseconds(1_500).seconds == 1.5)
  }

  /// A deadline beyond the end of time stays there.
  @Test func saturates() {
    #expect(MonotonicInstant.distantFuture + .seconds(1) == .distantFuture)
    #expect(MonotonicInstant(nanoseconds: 5) + TimeSpan(nanoseconds: .max) == .distantFuture)
    #expect(
      MonotonicInstant(nanoseconds: -5) - TimeSpan(nanoseconds: .max) == MonotonicInstant(nanoseconds: .min))
    #expect(MonotonicInstant(nanoseconds: 5) - TimeSpan(nanoseconds: .min) == .distantFuture)
    #expect(
      MonotonicInstant(nanoseconds: -5) + TimeSpan(nanoseconds: .min) == MonotonicInstant(nanoseconds: .min))
    #expect(MonotonicInstant.distantFuture - MonotonicInstant(nanoseconds: -1) == TimeSpan(nanoseconds: .max))
    #expect(MonotonicInstant(nanoseconds: .min) - .distantFuture == TimeSpan(nanoseconds: .min))
    #expect(TimeSpan(nanoseconds: .max) + .seconds(1) == TimeSpan(nanoseconds: .max))
    #expect(TimeSpan(nanoseconds: .min) - .seconds(1) == TimeSpan(nanoseconds: .min))
    #expect(TimeSpan.seconds(Int64.max) == TimeSpan(nanoseconds: .max))
    #expect(TimeSpan.seconds(Int64.min) == TimeSpan(nanoseconds: .min))
    #expect(TimeSpan.seconds(1) * Int64.max == TimeSpan(nanoseconds: .max))
    #expect(TimeSpan.seconds(-1) * Int64.max == TimeSpan(nanoseconds: .min))
  }
}
