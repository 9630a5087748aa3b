import CallModel
import Testing

@testable import SIP

/// Conversations with the bare state machines: event, expected action, event, expected action. Times in milliseconds.
private func at(_ milliseconds: Int64) -> MonotonicInstant {
  MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
}

private let timers = TransactionTimers()

@Suite struct InviteClientTransactionTests {
  typealias Event = InviteClientTransaction.Event

  private func machine(reliable: Bool = false) -> InviteClientTransaction {
    InviteClientTransaction(isReliable: reliable, timers: timers, now: at(0))
  }

  @Test func repeatsAtDoublingIntervalsUntilTimerB() {
    var machine = machine()
    var times: [Int64] = []
    while machine.state != .terminated {
      let due = machine.nextDeadline
      let actions = machine.handle(.deadline, timers: timers, now: due)
      times.append(due.nanoseconds / 1_000_000)
      #expect(actions == (due < at(32_000) ? .send : [.reportTimeout, .terminate]))
    }
    // Timer A has no ceiling: T1, 2T1, 4T1 ... after each other, then B at 64*T1.
    #expect(times == [500, 1_500, 3_500, 7_500, 15_500, 31_500, 32_000])
  }

  @Test func neverRepeatsOverAReliableTransport() {
    var machine = machine(reliable: true)
    #expect(machine.nextDeadline == at(32_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(31_999)) == [])
    #expect(machine.handle(.deadline, timers: timers, now: at(32_000)) == [.reportTimeout, .terminate])
  }

  @Test func provisionalResponseStopsRepetitionAndTimerB() {
    var machine = machine()
    #expect(machine.handle(.response(status: 100), timers: timers, now: at(100)) == .passUp)
    #expect(machine.state == .proceeding)
    #expect(machine.nextDeadline == at(100) + .seconds(185))
    // Timer C restarts with 180, not with another 100.
    _ = machine.handle(.response(status: 100), timers: timers, now: at(1_000))
    #expect(machine.nextDeadline == at(100) + .seconds(185))
    #expect(machine.handle(.response(status: 180), timers: timers, now: at(2_000)) == .passUp)
    #expect(machine.nextDeadline == at(2_000) + .seconds(185))
  }

  @Test func timerCCancelsThenGivesUpAfter64T1() {
    var machine = machine()
    _ = machine.handle(.response(status: 180), timers: timers, now: at(0))
    #expect(machine.handle(.deadline, timers: timers, now: at(185_000)) == .cancel)
    #expect(machine.nextDeadline == at(185_000 + 32_000))
    // Another 180 does not restart anything once the call is cancelled.
    _ = machine.handle(.response(status: 180), timers: timers, now: at(186_000))
    #expect(
      machine.handle(.deadline, timers: timers, now: at(217_000)) == [.reportTimeout, .terminate])
  }

  @Test func withoutTimerCAnUnansweredCallRingsOn() {
    var timers = timers
    timers.timerC = nil
    var machine = InviteClientTransaction(isReliable: false, timers: timers, now: at(0))
    _ = machine.handle(.response(status: 180), timers: timers, now: at(10))
    #expect(machine.nextDeadline == .distantFuture)
  }

  @Test func refusalIsAcknowledgedAgainWheneverItIsRepeatedUntilTimerD() {
    var machine = machine()
    #expect(machine.handle(.response(status: 486), timers: timers, now: at(50)) == [.acknowledge, .passUp])
    #expect(machine.state == .completed)
    #expect(machine.handle(.response(status: 486), timers: timers, now: at(600)) == .acknowledge)
    #expect(machine.handle(.response(status: 180), timers: timers, now: at(700)) == [])
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(700)) == [])
    #expect(machine.nextDeadline == at(50 + 32_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(32_050)) == .terminate)
  }

  @Test func refusalOverAReliableTransportEndsAtOnce() {
    var machine = machine(reliable: true)
    #expect(
      machine.handle(.response(status: 404), timers: timers, now: at(5)) == [
        .acknowledge, .passUp, .terminate,
      ])
  }

  @Test(arguments: [false, true]) func every2xxGoesUpUntilTimerM(reliable: Bool) {
    var machine = machine(reliable: reliable)
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(10)) == .passUp)
    #expect(machine.state == .accepted)
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(510)) == .passUp)
    #expect(machine.handle(.response(status: 486), timers: timers, now: at(520)) == [])
    #expect(machine.handle(.response(status: 180), timers: timers, now: at(520)) == [])
    #expect(machine.handle(.transportFailure, timers: timers, now: at(530)) == [])
    #expect(machine.nextDeadline == at(10 + 32_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(32_010)) == .terminate)
  }

  @Test func cancelWaitsForAProvisionalResponse() {
    var machine = machine()
    #expect(machine.handle(.cancel, timers: timers, now: at(10)) == [])
    // It is still repeated: the server may not have seen it.
    #expect(machine.handle(.deadline, timers: timers, now: at(500)) == .send)
    #expect(machine.handle(.response(status: 100), timers: timers, now: at(600)) == [.passUp, .cancel])
    #expect(machine.handle(.cancel, timers: timers, now: at(610)) == [])
    #expect(machine.handle(.response(status: 487), timers: timers, now: at(700)) == [.acknowledge, .passUp])
  }

  @Test func cancelIsSentOnceAndOnlyWhilePending() {
    var machine = machine()
    _ = machine.handle(.response(status: 180), timers: timers, now: at(10))
    #expect(machine.handle(.cancel, timers: timers, now: at(20)) == .cancel)
    #expect(machine.handle(.cancel, timers: timers, now: at(30)) == [])
    #expect(machine.nextDeadline == at(20 + 32_000))
    // The 200 crossed the CANCEL.
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(40)) == .passUp)
    #expect(machine.handle(.cancel, timers: timers, now: at(50)) == [])
  }

  @Test func transportFailureEndsAPendingRequestOnly() {
    var machine = machine()
    #expect(
      machine.handle(.transportFailure, timers: timers, now: at(1)) == [
        .reportTransportFailure, .terminate,
      ])
    var answered = self.machine()
    _ = answered.handle(.response(status: 500), timers: timers, now: at(1))
    #expect(answered.handle(.transportFailure, timers: timers, now: at(2)) == .terminate)
  }
}

@Suite struct NonInviteClientTransactionTests {
  private func machine(reliable: Bool = false) -> NonInviteClientTransaction {
    NonInviteClientTransaction(isReliable: reliable, timers: timers, now: at(0))
  }

  @Test func repeatsUpToT2UntilTimerF() {
    var machine = machine()
    var times: [Int64] = []
    while machine.state != .terminated {
      let due = machine.nextDeadline
      let actions = machine.handle(.deadline, timers: timers, now: due)
      times.append(due.nanoseconds / 1_000_000)
      #expect(actions == (due < at(32_000) ? .send : [.reportTimeout, .terminate]))
    }
    #expect(times == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000])
  }

  @Test func provisionalResponseSlowsRepetitionToT2AndKeepsTimerF() {
    var machine = machine()
    #expect(machine.handle(.response(status: 100), timers: timers, now: at(200)) == .passUp)
    // The interval that is running ends; the next one is T2.
    #expect(machine.nextDeadline == at(500))
    #expect(machine.handle(.deadline, timers: timers, now: at(500)) == .send)
    #expect(machine.nextDeadline == at(4_500))
    #expect(machine.handle(.deadline, timers: timers, now: at(32_000)) == [.reportTimeout, .terminate])
  }

  @Test func finalResponseLingersForTimerK() {
    var machine = machine()
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(40)) == .passUp)
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(540)) == [])
    #expect(machine.handle(.transportFailure, timers: timers, now: at(550)) == [])
    #expect(machine.nextDeadline == at(40 + 5_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(5_040)) == .terminate)
  }

  @Test func reliableTransportNeitherRepeatsNorLingers() {
    var machine = machine(reliable: true)
    #expect(machine.nextDeadline == at(32_000))
    #expect(machine.handle(.response(status: 404), timers: timers, now: at(9)) == [.passUp, .terminate])
    #expect(machine.nextDeadline == .distantFuture)
  }

  @Test func transportFailureEndsIt() {
    var machine = machine()
    _ = machine.handle(.response(status: 100), timers: timers, now: at(1))
    #expect(
      machine.handle(.transportFailure, timers: timers, now: at(2)) == [
        .reportTransportFailure, .terminate,
      ])
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(3)) == [])
  }
}

@Suite struct InviteServerTransactionTests {
  private func machine(reliable: Bool = false) -> InviteServerTransaction {
    InviteServerTransaction(isReliable: reliable, timers: timers, now: at(0))
  }

  @Test func tryingComesAfter200Milliseconds() {
    var machine = machine()
    #expect(machine.handle(.request, timers: timers, now: at(50)) == [])
    #expect(machine.nextDeadline == at(200))
    #expect(machine.handle(.deadline, timers: timers, now: at(199)) == [])
    #expect(machine.handle(.deadline, timers: timers, now: at(200)) == .sendTrying)
    #expect(machine.nextDeadline == .distantFuture)
    #expect(machine.handle(.request, timers: timers, now: at(500)) == .send)
  }

  @Test func anEarlyProvisionalResponseReplacesTheTrying() {
    var machine = machine()
    #expect(machine.handle(.response(status: 180), timers: timers, now: at(20)) == .send)
    #expect(machine.nextDeadline == .distantFuture)
    #expect(machine.handle(.request, timers: timers, now: at(500)) == .send)
  }

  @Test func refusalIsRepeatedUpToT2UntilTimerH() {
    var machine = machine()
    #expect(machine.handle(.response(status: 486), timers: timers, now: at(0)) == .send)
    var times: [Int64] = []
    while machine.state != .terminated {
      let due = machine.nextDeadline
      let actions = machine.handle(.deadline, timers: timers, now: due)
      times.append(due.nanoseconds / 1_000_000)
      #expect(actions == (due < at(32_000) ? .send : [.reportUnacknowledged, .terminate]))
    }
    #expect(times == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000])
  }

  @Test func acknowledgementEndsRepetitionAndLingersForTimerI() {
    var machine = machine()
    _ = machine.handle(.response(status: 600), timers: timers, now: at(0))
    #expect(machine.handle(.request, timers: timers, now: at(100)) == .send)
    #expect(machine.handle(.acknowledgement, timers: timers, now: at(300)) == [])
    #expect(machine.state == .confirmed)
    #expect(machine.handle(.acknowledgement, timers: timers, now: at(400)) == [])
    #expect(machine.handle(.request, timers: timers, now: at(400)) == [])
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(400)) == [])
    #expect(machine.nextDeadline == at(300 + 5_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(5_300)) == .terminate)
  }

  @Test func overAReliableTransportRefusalsAreNotRepeatedButAwaitTheirAcknowledgement() {
    var machine = machine(reliable: true)
    _ = machine.handle(.response(status: 403), timers: timers, now: at(0))
    #expect(machine.nextDeadline == at(32_000))
    #expect(machine.handle(.acknowledgement, timers: timers, now: at(10)) == .terminate)
    var unacknowledged = self.machine(reliable: true)
    _ = unacknowledged.handle(.response(status: 403), timers: timers, now: at(0))
    #expect(
      unacknowledged.handle(.deadline, timers: timers, now: at(32_000)) == [
        .reportUnacknowledged, .terminate,
      ])
  }

  @Test func acceptedAbsorbsTheInviteAndPassesAcknowledgementsUntilTimerL() {
    var machine = machine()
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(30)) == .send)
    #expect(machine.state == .accepted)
    #expect(machine.handle(.request, timers: timers, now: at(500)) == [])
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(530)) == .send)
    #expect(machine.handle(.response(status: 486), timers: timers, now: at(540)) == [])
    #expect(machine.handle(.acknowledgement, timers: timers, now: at(600)) == .passUp)
    #expect(machine.handle(.transportFailure, timers: timers, now: at(600)) == .reportUnacknowledged)
    #expect(machine.nextDeadline == at(30 + 32_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(32_030)) == .terminate)
  }

  @Test func transportFailureEndsPendingAndRefused() {
    var pending = machine()
    #expect(
      pending.handle(.transportFailure, timers: timers, now: at(1)) == [
        .reportUnacknowledged, .terminate,
      ])
    var refused = machine()
    _ = refused.handle(.response(status: 486), timers: timers, now: at(0))
    #expect(
      refused.handle(.transportFailure, timers: timers, now: at(1)) == [
        .reportUnacknowledged, .terminate,
      ])
  }
}

@Suite struct NonInviteServerTransactionTests {
  private func machine(reliable: Bool = false) -> NonInviteServerTransaction {
    NonInviteServerTransaction(isReliable: reliable, timers: timers, now: at(0))
  }

  @Test func repetitionIsIgnoredBeforeAndAnsweredAfterAResponse() {
    var machine = machine()
    #expect(machine.handle(.request, timers: timers, now: at(500)) == [])
    #expect(machine.handle(.response(status: 100), timers: timers, now: at(600)) == .send)
    #expect(machine.handle(.request, timers: timers, now: at(1_500)) == .send)
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(1_600)) == .send)
    #expect(machine.handle(.request, timers: timers, now: at(3_500)) == .send)
    #expect(machine.handle(.response(status: 500), timers: timers, now: at(3_600)) == [])
    #expect(machine.nextDeadline == at(1_600 + 32_000))
    #expect(machine.handle(.deadline, timers: timers, now: at(33_600)) == .terminate)
  }

  @Test func tryingNotBeforeTheClientRepeatsAtT2() {
    var machine = machine()
    #expect(machine.nextDeadline == at(3_500))
    #expect(machine.handle(.deadline, timers: timers, now: at(3_500)) == .sendTrying)
    #expect(machine.handle(.request, timers: timers, now: at(7_500)) == .send)
    #expect(self.machine(reliable: true).nextDeadline == .distantFuture)
  }

  @Test func reliableTransportDoesNotLinger() {
    var machine = machine(reliable: true)
    #expect(machine.handle(.response(status: 200), timers: timers, now: at(3)) == [.send, .terminate])
  }

  @Test func transportFailureEndsIt() {
    var machine = machine()
    _ = machine.handle(.response(status: 200), timers: timers, now: at(3))
    #expect(
      machine.handle(.transportFailure, timers: timers, now: at(4)) == [
        .reportUnacknowledged, .terminate,
      ])
  }
}

@Suite struct TransactionTimersTests {
  @Test func nonInviteTryingWaitsForTimerEToReachT2() {
    #expect(TransactionTimers().nonInviteTryingDelay == .milliseconds(3_500))
    #expect(TransactionTimers(t1: .seconds(4), t2: .seconds(4)).nonInviteTryingDelay == .seconds(4))
  }

  @Test func derivedTimersFollowT1AndT4() {
    let timers = TransactionTimers(t1: .milliseconds(100), t4: .seconds(1))
    #expect(timers.transactionTimeout == .milliseconds(6_400))
    #expect(timers.timerI == .seconds(1))
    #expect(timers.timerK == .seconds(1))
  }
}
