import ArgumentParser
import CallModel
import Foundation
import UnixSignals

/// `tandem demo`: the whole round by itself, on a private instance of the example policies.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Show one whole call: a private service, two phones, two tones.",
    discussion: """
      Starts a private instance of the policies on a free loopback address, registers two phones, calls one from the \
      other through a rule, checks the tones in both directions, shows why the call went where it went and what was \
      recorded of it, and cleans up. Exit codes: 0 all of it held, 1 not, 2 wrong usage.
      """)

  @Option(help: "Directory of the policy files to copy.")
  var policies = "policies"

  @Option(help: "What the first phone dials.")
  var dial = "102"

  @Flag(help: "Leave the private instance's files in place.")
  var keep = false

  /// All of it takes some ten seconds; beyond this something hangs.
  static let limit = Duration.seconds(50)

  func run() async throws {
    guard let demo = try? DemoRound(policies: policies, dial: dial) else { throw ExitCode.failure }
    let isGood = await withTaskGroup(of: Bool?.self) { tasks in
      tasks.addTask { await demo.run() }
      tasks.addTask {
        guard (try? await Task.sleep(for: DemoCommand.limit)) != nil else { return nil }
        DemoLine.bad("the demo took more than \(DemoCommand.limit)")
        return false
      }
      tasks.addTask {
        for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
          demo.interrupt()
          DemoLine.bad("interrupted by \(signal)")
          return false
        }
        return nil
      }
      var outcome: Bool?
      while outcome == nil, let next = await tasks.next() { outcome = next }
      // Cancelled first, so that what fails for want of the service is not reported.
      tasks.cancelAll()
      demo.stopService()
      return outcome ?? false
    }
    // The files of a failure tell why; of an interruption there is nothing to tell.
    demo.cleanUp(keeps: keep || !(isGood || demo.isInterrupted))
    print(isGood ? "\nEverything held." : "\nThe demo failed.")
    // Tasks that hang are no reason to hang: the process ends here.
    fflush(nil)
    Foundation.exit(isGood ? 0 : 1)
  }
}

/// One tidy line for each step.
enum DemoLine {
  static func good(_ text: String) { write("✓ \(text)") }
  static func bad(_ text: String) { write("✗ \(text)") }
  static func gap() { write("") }
  static func heading(_ text: String) { write("\n\(text)\n") }

  static func indented(_ text: String) {
    write(
      text.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }.joined(
        separator: "\n"))
  }

  private static func write(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
  }
}

/// Why a step did not hold.
struct DemoFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
