import ArgumentParser
import CallModel
import Codecs
import Foundation
import SIP
import SIPTransport
import TestCaller
import UnixSignals

/// `tandem call`: one real SIP call, and what came back.
struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call", abstract: "Place a test call and report what came back.",
    discussion: """
      Calls by SIP, sends a tone, and prints timing, codec, loss, round trip and the tone that was heard. \
      Exit codes: 0 answered and audio came back, 1 not, 2 wrong usage. The password of --username is read from \
      --password-file or from the variable TANDEM_PASSWORD.
      """)

  @Argument(help: "Whom to call: test@127.0.0.1, sip:102@tandem.example;transport=tcp …")
  var uri: String

  @Option(help: "Who calls; by default the user name, or “test-caller”, at the called host.")
  var from: String?

  @Option(help: "User name for digest authentication.")
  var username: String?

  @Option(help: "File with the password.")
  var passwordFile: String?

  @Flag(help: "Register the calling address first, and remove it afterwards.")
  var register = false

  @Option(
    help: "The server to call by: host, host:port or host:port;transport=tcp. By default the called host.")
  var proxy: String?

  @Option(help: "Hertz of the tone that is sent, 50 to 3900; 0 sends silence.")
  var tone = 440.0

  @Option(help: "Seconds of audio to hear before hanging up, 1 to 50.")
  var seconds = 3.0

  @Option(help: "Seconds to wait for an answer.")
  var timeout = 30.0

  @Option(help: "pcmu or pcma; by default both are offered.")
  var codec: String?

  @Flag(help: "Encrypt the audio (SDES-SRTP); fails where the other side cannot.")
  var srtp = false

  @Option(help: "Digits to send once answered: 0-9 * # A-D.")
  var dtmf = ""

  @Flag(help: "Succeed without audio coming back.")
  var noMediaExpected = false

  @Option(help: "With TLS: PEM file with our certificate; by default one is made for this call.")
  var certificate: String?

  @Option(help: "With TLS: PEM file with its key.")
  var key: String?

  @Option(help: "With TLS: PEM file of the authorities to trust; by default those of the system.")
  var trust: String?

  @Flag(help: "With TLS: do not check the server's certificate.")
  var insecure = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    let plan = try CallPlan(self)
    let phone: TestPhone
    do {
      phone = try await TestPhone.start(plan.configuration)
    } catch {
      try fail("cannot call by \(plan.serverText): \(error)")
    }
    plan.cleanUp()
    let isGood: Bool
    do {
      isGood = try await place(plan, phone)
    } catch let error as TestPhoneError {
      await phone.close()
      try fail(error.description)
    }
    await phone.close()
    if !isGood { throw ExitCode.failure }
  }

  private func place(_ plan: CallPlan, _ phone: TestPhone) async throws -> Bool {
    if register { try await phone.register() }
    let call = try await phone.call(plan.target, TestCallSettings(sound: plan.sound))
    let interruption = Task {
      for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
        _ = try? await call.hangUp()
        break
      }
    }
    defer { interruption.cancel() }
    if try await call.isAnswered(within: TimeSpan(fractionalSeconds: timeout)) {
      if !plan.digits.isEmpty, !(try await call.send(plan.digits)) {
        FileHandle.standardError.write(Data("the other side takes no digits as RTP events\n".utf8))
      }
      // Digits take 300 ms each; silence from the other side is waited for a little longer than its audio would take.
      let wanted = max(seconds, Double(plan.digits.count) * 0.3 + 0.2)
      _ = try await call.hears(seconds: wanted, within: TimeSpan(fractionalSeconds: wanted + 2))
    }
    let report = try await call.hangUp()
    if register { try? await phone.unregister() }
    print(json ? report.json : report.text)
    return report.outcome == .answered && (report.hasMedia || noMediaExpected)
  }

  private func fail(_ message: String) throws -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    throw ExitCode.failure
  }
}

/// What the options of `tandem call` ask for, checked.
struct CallPlan {
  var target: SIPURI
  var configuration: TestPhoneConfiguration
  var sound: TestSound
  var digits: [DTMFDigit]
  var serverText: String
  private var temporary: TemporaryCertificate?

  init(_ options: CallCommand) throws {
    guard let target = CallPlan.uri(options.uri) else {
      throw ValidationError("“\(options.uri)” is no SIP address. Example: test@127.0.0.1")
    }
    self.target = target
    let server: ServerLocationTarget?
    if let proxy = options.proxy {
      server = CallPlan.uri(proxy).flatMap { try? ServerLocationTarget(uri: $0) }
    } else {
      server = try? ServerLocationTarget(uri: target)
    }
    guard let server else {
      throw ValidationError(
        "“\(options.proxy ?? options.uri)” names no server. Example: 127.0.0.1:5060;transport=tcp")
    }
    serverText = options.proxy ?? CallPlan.hostText(target)
    guard options.tone == 0 || (50...3900).contains(options.tone) else {
      throw ValidationError("--tone takes 50 to 3900 hertz, or 0 for silence")
    }
    guard (1...50).contains(options.seconds), (1...180).contains(options.timeout) else {
      throw ValidationError("--seconds takes 1 to 50, --timeout 1 to 180")
    }
    sound = options.tone == 0 ? .silence : .tone(options.tone)
    digits = options.dtmf.compactMap { DTMFDigit($0) }
    guard digits.count == options.dtmf.count, digits.count <= 64 else {
      throw ValidationError("--dtmf takes up to 64 of 0-9 * # A-D")
    }
    var codecs = G711.allCases
    if let name = options.codec {
      guard let codec = G711(rawValue: name.uppercased()) else {
        throw ValidationError("--codec takes pcmu or pcma")
      }
      codecs = [codec]
    }
    let identity = try CallPlan.identity(options, target)
    configuration = TestPhoneConfiguration(
      identity: identity, account: try CallPlan.account(options), server: server, codecs: codecs,
      encryption: options.srtp ? .required : .off)
    if server.isSecure || server.transport == .tls {
      temporary = options.certificate == nil ? try TemporaryCertificate() : nil
      configuration.tls = SIPTLSConfiguration(
        certificateChainFile: options.certificate ?? temporary?.certificate ?? "",
        privateKeyFile: options.key ?? options.certificate ?? temporary?.key ?? "",
        trust: options.trust.map { .files([$0]) } ?? .system,
        serverVerification: options.insecure ? .none : .full)
    }
  }

  /// Removes what was made for this call; the phone has read it.
  func cleanUp() { temporary?.remove() }

  /// An address with or without its scheme.
  static func uri(_ text: String) -> SIPURI? {
    let lowered = text.lowercased()
    let hasScheme = lowered.hasPrefix("sip:") || lowered.hasPrefix("sips:")
    return SIPURI(hasScheme ? text : "sip:" + text)
  }

  private static func hostText(_ uri: SIPURI) -> String {
    switch uri.host {
    case .name(let name): name
    case .ip(let ip): ip.bracketed
    }
  }

  private static func identity(_ options: CallCommand, _ target: SIPURI) throws -> NameAddress {
    guard let text = options.from else {
      return NameAddress(uri: SIPURI(user: options.username ?? "test-caller", host: target.host))
    }
    let address = text.contains("<") ? NameAddress(text) : uri(text).map { NameAddress(uri: $0) }
    guard let address else { throw ValidationError("--from “\(text)” is no SIP address") }
    return address
  }

  private static func account(_ options: CallCommand) throws -> RealmAccount? {
    guard let username = options.username else { return nil }
    var password = ProcessInfo.processInfo.environment["TANDEM_PASSWORD"]
    if let file = options.passwordFile {
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
        throw ValidationError("the password file \(file) cannot be read")
      }
      password = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    }
    guard let password else {
      throw ValidationError("--username needs --password-file, or the variable TANDEM_PASSWORD")
    }
    return RealmAccount(username: username, password: Secret(password))
  }
}

/// A self-signed certificate for one TLS client, which must have one to listen for requests in its dialogs.
struct TemporaryCertificate {
  private let directory: String
  var certificate: String { directory + "/certificate.pem" }
  var key: String { directory + "/key.pem" }

  init() throws {
    directory = try TemporaryDirectory.make("tandem-call")
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    openssl.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=tandem-call", "-keyout", key, "-out", certificate,
    ]
    openssl.standardError = FileHandle.nullDevice
    openssl.standardOutput = FileHandle.nullDevice
    do {
      try openssl.run()
    } catch {
      remove()
      throw ValidationError("TLS needs --certificate and --key where the openssl program is missing")
    }
    openssl.waitUntilExit()
    guard openssl.terminationStatus == 0 else {
      remove()
      throw ValidationError("openssl could not make a certificate: give --certificate and --key")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }
}

/// A new directory of our own that nobody else can read.
enum TemporaryDirectory {
  static func make(_ name: String) throws -> String {
    let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    let path = "\(parent)/\(name)-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return path
  }
}
