import CallModel
import Foundation
import PolicyEngine
import Records
import SIP
import Synchronization
import TestCaller

/// The steps of the demo, in order; the first that does not hold ends it.
final class DemoRound: Sendable {
  private let policies: PrivatePolicies
  private let dial: String
  private let service = Mutex<ChildService?>(nil)
  private let interrupted = Mutex(false)

  /// The tone of the caller, and of the called phone.
  static let tones = (caller: 440.0, called: 880.0)

  init(policies source: String, dial: String) throws {
    do {
      policies = try PrivatePolicies(copying: source)
    } catch {
      DemoLine.bad("\(error)")
      throw error
    }
    self.dial = dial
  }

  var isInterrupted: Bool { interrupted.withLock { $0 } }
  func interrupt() { interrupted.withLock { $0 = true } }

  func stopService() { service.withLock { $0 }?.stop() }

  func cleanUp(keeps: Bool) {
    if keeps {
      DemoLine.indented("its files are in \(policies.directory)")
    } else {
      policies.remove()
    }
  }

  /// True if every step held.
  func run() async -> Bool {
    do {
      try await steps()
      return true
    } catch is CancellationError {
      return false
    } catch {
      // What fails after the service was stopped under it, fails for that reason.
      if !Task.isCancelled { DemoLine.bad("\(error)") }
      return false
    }
  }

  private func steps() async throws {
    let start = ContinuousClock.now
    let child = try ChildService(policies)
    service.withLock { $0 = child }
    try child.waitUntilReady(within: 20)
    let address = policies.address
    DemoLine.good("a private service runs on \(address), up after \(DemoRound.text(.now - start))")

    try Task.checkCancellation()
    let devices = policies.snapshot.policy.devices.filter(\.allowsSIP)
    guard devices.count >= 2 else { throw DemoFailure("the policies have fewer than two devices") }
    let caller = try await phone(devices[0], .refuse(486))
    let called = try await phone(
      devices[1], .answer(.tone(DemoRound.tones.called), after: .milliseconds(100)))
    try await caller.register()
    try await called.register()
    DemoLine.good("\(devices[0].alias) and \(devices[1].alias) are registered")

    let target = SIPURI(user: dial, host: .ip(address))
    let call = try await caller.call(target, TestCallSettings(sound: .tone(DemoRound.tones.caller)))
    guard try await call.isAnswered(within: .seconds(10)),
      let answered = try await called.nextCall(within: .seconds(5))
    else {
      throw DemoFailure("the call was not answered\n\(try await call.report().text)")
    }
    _ = try await call.hears(seconds: 2, within: .seconds(8))
    _ = try await answered.hears(seconds: 2, within: .seconds(8))
    let report = try await call.hangUp()
    _ = try await answered.ends(within: .seconds(5))
    let other = try await answered.report()
    // An interruption has hung up for us: what follows would only show that.
    try Task.checkCancellation()
    let timing =
      "ringing after \(DemoRound.text(report.timing.ringing)), answered after \(DemoRound.text(report.timing.answer))"
    DemoLine.good("\(devices[0].alias) dialled \(dial) and \(devices[1].alias) answered: \(timing)")
    try check(other, devices[1].alias, heard: DemoRound.tones.caller)
    try check(report, devices[0].alias, heard: DemoRound.tones.called)

    try await meet(caller, called, devices)
    try Task.checkCancellation()
    try explain(devices[0])
    try await record(devices[0])
    await caller.close()
    await called.close()
    child.stop()
    DemoLine.good("the service is stopped; all of it took \(DemoRound.text(.now - start))")
  }

  /// Both phones call a meeting room that is open to all, where the policies have one, and hear each other there.
  private func meet(_ one: TestPhone, _ two: TestPhone, _ devices: [Device]) async throws {
    let room = policies.snapshot.policy.services.first { service in
      service.configuration.kind == .conference && service.configuration.pin == nil
        && service.configuration.guestPIN == nil
    }
    guard let room, let alias = room.aliases.first(where: { !$0.contains("@") }) else { return }
    try Task.checkCancellation()
    let target = SIPURI(user: alias, host: .ip(policies.address))
    let first = try await one.call(target, TestCallSettings(sound: .tone(DemoRound.tones.caller)))
    let second = try await two.call(target, TestCallSettings(sound: .tone(DemoRound.tones.called)))
    let firstIsIn = try await first.isAnswered(within: .seconds(5))
    let secondIsIn = try await second.isAnswered(within: .seconds(5))
    guard firstIsIn, secondIsIn else {
      throw DemoFailure("the room \(alias) does not answer\n\(try await first.report().text)")
    }
    _ = try await first.hears(seconds: 3, within: .seconds(8))
    _ = try await second.hears(seconds: 3, within: .seconds(8))
    let (heardByOne, heardByTwo) = (try await first.hangUp(), try await second.hangUp())
    try Task.checkCancellation()
    DemoLine.good("both called \(alias), the meeting room \(room.configuration.name)")
    try check(heardByOne, devices[0].alias, heard: DemoRound.tones.called)
    try check(heardByTwo, devices[1].alias, heard: DemoRound.tones.caller)
  }

  private func phone(
    _ device: Device, _ answering: TestPhoneConfiguration.Answering
  ) async throws -> TestPhone {
    guard let uri = SIPURI("sip:" + device.alias),
      let listener = policies.snapshot.policy.globals.sip.listeners.first(where: {
        $0.address.ip == policies.address
      })
    else { throw DemoFailure("the device \(device.alias) has no SIP address") }
    let server = ServerLocationTarget(
      host: .ip(policies.address), port: listener.address.port, transport: .udp)
    return try await TestPhone.start(
      TestPhoneConfiguration(
        identity: NameAddress(uri: uri),
        account: RealmAccount(username: device.username, password: device.password), server: server,
        localAddress: policies.address, answering: answering))
  }

  private func check(_ report: TestCallReport, _ who: String, heard frequency: Double) throws {
    guard let heard = report.heard, let media = report.media, report.isTone(frequency) else {
      throw DemoFailure("\(who) did not hear \(Int(frequency)) Hz\n\(report.text)")
    }
    let found = String(
      format: "%.1f Hz with %.0f %% of the energy, %d packets, %d lost, jitter %.1f ms", heard.frequency ?? 0,
      (heard.share ?? 0) * 100, media.packetsReceived, media.packetsLost, media.jitter)
    DemoLine.good("\(who) heard \(Int(frequency)) Hz: \(found)")
  }

  private func explain(_ device: Device) throws {
    let address = "\(policies.address)"
    let arguments = [
      "explain", "sip:\(dial)@\(address)", "--policy", policies.policies, "--from", "sip:\(device.alias)",
      "--registered-as", device.alias, "--source", address,
    ]
    let text = try ChildService.output(of: arguments)
    DemoLine.heading("Why it went there: tandem \(arguments.joined(separator: " "))")
    DemoLine.indented(text)
    DemoLine.good("the decision is explained")
  }

  /// The record is written a moment after the call.
  private func record(_ device: Device) async throws {
    let archive = try CallArchive(directory: policies.state)
    let deadline = ContinuousClock.now + .seconds(5)
    while .now < deadline {
      if let record = try archive.calls(CallQuery()).first(where: { $0.ended != nil }) {
        guard record.connected != nil, record.disconnect?.cause == .normal else {
          throw DemoFailure("the record tells another story\n\(record.text)")
        }
        DemoLine.heading("What is on record: tandem calls \(record.id) --state \(policies.state)")
        DemoLine.indented(record.text)
        DemoLine.gap()
        DemoLine.good("the call is on record")
        return
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw DemoFailure("the call is not on record")
  }

  private static func text(_ duration: Duration) -> String {
    String(
      format: "%.1f s", Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)
  }

  private static func text(_ milliseconds: Double?) -> String {
    milliseconds.map { String(format: "%.0f ms", $0) } ?? "-"
  }
}
