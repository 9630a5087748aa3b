import Foundation
import Glibc
import Synchronization
import TestCaller

/// A phone nobody here wrote: baresip, with a tone for a microphone and a WAV file for a loudspeaker.
final class Baresip: Sendable {
  enum Encryption: String, Sendable { case none = "", srtp, mandatory = "srtp-mand", dtls = "dtls_srtp" }

  struct Options: Sendable {
    var user = "alice"
    /// Of its directory and in failures, when two phones share a user; nil: the user.
    var name: String?
    /// Hertz.
    var tone = 440
    var transport = "udp"
    /// Registers here, and sends everything there; nil: calls go straight to their targets.
    var server: String?
    var password = ""
    /// Of the server; nil: the standard port of the transport.
    var serverPort: Int?
    /// Signalling and media on ::1.
    var isIPv6 = false
    /// Domain of the address of record; nil: the server's, or the phone's, address.
    var domain: String?
    var encryption = Encryption.none
    var codec = "PCMA/8000/1"
    var answersByItself = true
    /// Sends and shows a picture, in H.264.
    var hasVideo = false
    var registrationInterval = 60
    /// URIs that messages can be sent to; the first is chosen.
    var contacts: [String] = []
    /// Writes every SIP message to its output: what it received can be read nowhere else.
    var tracesSIP = false
    /// Further parameters of its account.
    var parameters = ""
  }

  struct Event: Sendable {
    var type: String
    var parameter: String
  }

  let name: String
  /// The phone sends its media from 127.0.0.1 whatever it is told, so that is where all of it is, on ports of its own.
  let address: String
  let port: UInt16
  let options: Options
  let events = Inbox<Event>()
  private let responses = Inbox<(token: String, isOK: Bool, data: String)>()
  private let process: ChildProcess
  private let recordings: String
  private let socket: Int32
  private let tokens = Atomic(0)

  private static let video = """
    video_source fakevideo,nil
    video_display fakevideo,nil
    video_size 352x288
    video_bitrate 256000
    video_fps 15
    module avcodec.so
    module fakevideo.so
    """

  /// Reaches the phone without a server.
  var uri: String { "sip:\(options.user)@\(address):\(port)" }

  init(_ scratch: Scratch, _ change: (inout Options) -> Void) async throws {
    var options = Options()
    change(&options)
    self.options = options
    let name = options.name ?? options.user
    self.name = name
    address = options.isIPv6 ? "[::1]" : "127.0.0.1"
    port = Loopback.phonePorts()
    let directory = try scratch.directory(name)
    recordings = try scratch.directory("\(name)/recordings")
    let media = Loopback.mediaPorts()
    let certificate = try await Certificate.files.value
    try scratch.write(
      "\(name)/config",
      """
      poll_method epoll
      sip_listen \(address):\(port)
      sip_certificate \(certificate.joined)
      net_interface \(options.isIPv6 ? "::1" : address)
      dns_server 127.0.0.1:53
      call_local_timeout 60
      call_max_calls 8
      audio_source ausine,\(options.tone)
      audio_player aubridge,null
      audio_alert aubridge,alert
      ausrc_srate 48000
      auplay_srate 48000
      ausrc_channels 2
      rtp_ports \(media.lowerBound)-\(media.upperBound)
      rtp_timeout 30
      module_path /usr/lib/baresip/modules
      module g711.so
      module g722.so
      module opus.so
      module sndfile.so
      module ausine.so
      module aubridge.so
      module srtp.so
      module dtls_srtp.so
      module_tmp uuid.so
      module_tmp account.so
      module_app contact.so
      module_app menu.so
      module_app ctrl_tcp.so
      ctrl_tcp_listen 127.0.0.1:\(port + 2)
      snd_path \(recordings)
      ringback_disabled yes
      statmode_default off
      \(options.hasVideo ? Baresip.video : "")
      """)
    var account =
      "<sip:\(options.user)@\(options.domain ?? options.server ?? "\(address):\(port)");transport=\(options.transport)>"
    account += ";answermode=\(options.answersByItself ? "auto" : "manual");audio_codecs=\(options.codec)"
    if options.hasVideo { account += ";video_codecs=H264" }
    if options.encryption != .none { account += ";mediaenc=\(options.encryption.rawValue)" }
    if let server = options.server {
      let port = options.serverPort ?? (options.transport == "tls" ? 5061 : 5060)
      account += ";outbound=\"sip:\(server):\(port);transport=\(options.transport)\""
      account += ";auth_pass=\(options.password);regint=\(options.registrationInterval)"
    } else {
      account += ";regint=0"
    }
    account += options.parameters
    try scratch.write("\(name)/accounts", account + "\n")
    try scratch.write(
      "\(name)/contacts", options.contacts.map { "<\($0)>\n" }.joined())
    process = try ChildProcess(
      "baresip \(name)", "/usr/bin/baresip",
      [options.isIPv6 ? "-6" : "-4", "-v"] + (options.tracesSIP ? ["-s"] : []) + ["-f", directory],
      directory: directory,
      seconds: 90)
    _ = try await process.waitForLine(containing: "baresip is ready")
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var control = Loopback.socketName("127.0.0.1", port + 2)
    let result = withUnsafePointer(to: &control) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw HarnessError("no control connection to \(self.name):\n\(process.tail)") }
    listen()
    if options.server != nil { try await waitForRegistration() }
  }

  deinit {
    shutdown(socket, Int32(SHUT_RDWR))
    process.kill()
  }

  /// Reads netstrings of JSON: answers with a token, events without.
  private func listen() {
    let handle = FileHandle(fileDescriptor: socket, closeOnDealloc: true)
    Thread { [events, responses] in
      var rest = Data()
      while true {
        let data = handle.availableData
        if data.isEmpty { break }
        rest += data
        while let colon = rest.firstIndex(of: UInt8(ascii: ":")),
          let length = Int(String(decoding: rest[rest.startIndex..<colon], as: UTF8.self)),
          rest.distance(from: colon, to: rest.endIndex) > length + 1
        {
          let end = rest.index(colon, offsetBy: length + 1)
          let object =
            (try? JSONSerialization.jsonObject(with: rest[(colon + 1)..<end])) as? [String: Any] ?? [:]
          rest = Data(rest[(end + 1)...])
          if object["event"] as? Bool == true {
            events.add(
              Event(type: object["type"] as? String ?? "", parameter: object["param"] as? String ?? ""))
          } else {
            responses.add(
              (
                object["token"] as? String ?? "", object["ok"] as? Bool ?? false,
                object["data"] as? String ?? ""
              ))
          }
        }
      }
      events.close()
      responses.close()
    }.start()
  }

  @discardableResult
  func command(_ command: String, _ parameters: String = "") async throws -> String {
    let token = "t\(tokens.add(1, ordering: .relaxed).newValue)"
    let json = try JSONSerialization.data(
      withJSONObject: ["command": command, "params": parameters, "token": token])
    let message = Array("\(json.count):".utf8) + json + Array(",".utf8)
    guard send(socket, message, message.count, Int32(MSG_NOSIGNAL)) == message.count,
      let response = await responses.first(where: { $0.token == token })
    else { throw HarnessError("\(name) does not answer “\(command)”:\n\(process.tail)") }
    return response.data
  }

  func waitForRegistration() async throws {
    // The event may have come before the control connection.
    if process.lines.all.contains(where: { $0.contains("200 OK") && $0.contains("binding") }) { return }
    guard await process.lines.first(where: { $0.contains("200 OK") && $0.contains("binding") }) != nil else {
      throw HarnessError("\(name) did not register:\n\(process.tail)")
    }
  }

  @discardableResult
  func wait(for type: String, from start: Int = 0, within timeout: Duration = .seconds(10)) async throws
    -> String
  {
    guard let event = await events.first(from: start, within: timeout, where: { $0.type == type }) else {
      throw HarnessError(
        "\(name) saw no \(type), but \(events.all.map { "\($0.type) \($0.parameter)" }):\n\(process.tail)")
    }
    return event.parameter
  }

  func dial(_ uri: String) async throws { try await command("dial", uri) }
  func hangUp() async throws { try await command("hangup") }

  /// What the phone has heard, or said, in its calls so far; each call has its own recording, in order.
  func recordings(_ direction: String = "dec") throws -> [WaveFile] {
    try FileManager.default.contentsOfDirectory(atPath: recordings).filter {
      $0.hasSuffix("-\(direction).wav")
    }.sorted()
      .map { try WaveFile(path: "\(recordings)/\($0)") }
  }

  var output: String { process.tail }

  /// At once, as when the power fails: nothing is unregistered.
  func kill() { process.kill() }

  /// Waits for a line of its output, and returns its number.
  func waitForOutput(containing text: String, from start: Int = 0) async throws -> Int {
    _ = try await process.waitForLine(containing: text, from: start)
    return process.lines.all.dropFirst(start).firstIndex { $0.contains(text) } ?? start
  }
}
