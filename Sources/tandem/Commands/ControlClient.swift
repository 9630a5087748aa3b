import ArgumentParser
import Foundation
import PolicyActivation

/// Asks the running service, at its socket in the state directory.
enum ControlClient {
  /// Sends one request, prints the answer, and exits as it says.
  static func run(state: String, _ line: String) throws -> Never {
    let reply = try ask(state: state, line)
    FileHandle.standardOutput.write(Data(reply.output.utf8))
    throw ExitCode(reply.exitCode)
  }

  private static func fail(_ reason: String) -> ExitCode {
    FileHandle.standardError.write(Data("\(reason)\n".utf8))
    return ExitCode(1)
  }

  static func ask(state: String, _ line: String) throws -> ControlReply {
    var answer: ControlReply?
    try exchange(state: state, line) { reply in
      answer = reply
      return false
    }
    guard let answer else { throw fail("The service ended without an answer.") }
    return answer
  }

  /// Sends one request, and prints its answers until there are no more.
  static func follow(state: String, _ line: String) throws -> Never {
    var code: Int32?
    try exchange(state: state, line) { reply in
      FileHandle.standardOutput.write(Data(reply.output.utf8))
      code = reply.exitCode
      return reply.exitCode == 0
    }
    guard let code else { throw fail("The service ended without an answer.") }
    throw ExitCode(code)
  }

  /// - Parameter take: a reply; false: no more are wanted.
  private static func exchange(
    state: String, _ line: String, _ take: (ControlReply) -> Bool
  ) throws {
    let path = ControlDoor.path(state: state)
    guard path.utf8.count <= ControlDoor.maximumPathLength else {
      throw fail("The path \(path) is too long for a socket.")
    }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw fail(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      room.copyBytes(from: Array(path.utf8).prefix(room.count - 1))
    }
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else {
      throw fail(
        "No Tandem answers at \(path): \(String(cString: strerror(errno))). Is it running, with --state \(state)?"
      )
    }
    signal(SIGPIPE, SIG_IGN)
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard written > 0 else { throw fail("The service closed the connection.") }
      rest = rest.dropFirst(written)
    }
    var lines = ControlLines(limit: ControlReply.maximumLength)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      for answer in try lines.add(buffer[..<count]) {
        guard take(try ControlReply(parsing: answer)) else { return }
      }
    }
  }

  /// Who asks, for the history.
  static var user: String {
    let environment = ProcessInfo.processInfo.environment
    return environment["SUDO_USER"] ?? environment["USER"] ?? environment["LOGNAME"] ?? "uid \(getuid())"
  }

  static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }
}

/// Where the service keeps its state; the same for all that ask it.
struct StateOption: ParsableArguments {
  @Option(name: .shortAndLong, help: "The state directory of the service.")
  var state = "var"

  @Flag(help: "Print JSON.")
  var json = false
}
