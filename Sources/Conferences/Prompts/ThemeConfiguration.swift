import CallModel
import JSONText

/// What a theme's `themeconfig.json` says of prompts and telephone keys. What it says of pictures is passed over.
///
/// ```json
/// { "theme_version": 2, "disabled_prompts": ["conf-knock"], "controls": { "toggle-lock": "*1", "end-conference": null } }
/// ```
public struct ThemeConfiguration: Hashable, Sendable {
  /// Never said.
  public var disabledPrompts: Set<Prompt> = []
  /// Keys by action; none: nobody has the action.
  public var controls: [ControlAction: [DTMFDigit]] = [:]

  public init() {}

  /// The file in a theme's directory.
  public static let fileName = "themeconfig.json"
  /// Bytes of the file.
  public static let maximumLength = 1 << 20

  /// Something that is wrong, and is as if it were not there.
  public struct Problem: Hashable, Sendable, CustomStringConvertible {
    public var line: Int
    public var column: Int
    public var reason: String
    public var description: String { "line \(line), column \(column): \(reason)" }
  }

  /// Reads what can be read: whatever is wrong is told, and leaves the rest as it is.
  public static func read(_ bytes: [UInt8]) -> (configuration: ThemeConfiguration, problems: [Problem]) {
    var reading = Reading(bytes: bytes)
    reading.run()
    return (reading.configuration, reading.problems)
  }

  private struct Reading {
    let bytes: [UInt8]
    var configuration = ThemeConfiguration()
    var problems: [Problem] = []

    mutating func run() {
      let node: JSONNode
      do throws(JSONError) {
        let limits = JSONReader.Limits(bytes: ThemeConfiguration.maximumLength, depth: 32, values: 20_000)
        node = try JSONReader.read(bytes, limits: limits)
      } catch {
        problems.append(Problem(line: error.line, column: error.column, reason: "\(error.reason)"))
        return
      }
      guard case .object(let object) = node.value else {
        return report("this is no theme: an object is expected", node.offset)
      }
      version(object, node.offset)
      for member in object.lastMembers {
        switch member.key {
        case "disabled_prompts": prompts(member.node)
        case "controls": controls(member.node)
        default: break
        }
      }
    }

    private mutating func report(_ reason: String, _ offset: Int) {
      let place = JSONReader.place(of: offset, in: bytes)
      problems.append(Problem(line: place.line, column: place.column, reason: reason))
    }

    /// What another version means by its keys is not known.
    private mutating func version(_ object: JSONObject, _ offset: Int) {
      guard let version = object["theme_version"] else { return report("theme_version is missing", offset) }
      if version.value != .integer(2) { report("theme_version is not 2", version.offset) }
    }

    private mutating func prompts(_ node: JSONNode) {
      guard case .array(let items) = node.value else {
        return report("disabled_prompts is not a list of names", node.offset)
      }
      for item in items {
        guard case .string(let name) = item.value, let prompt = Prompt(rawValue: name) else {
          report("disabled_prompts: there is no such prompt", item.offset)
          continue
        }
        configuration.disabledPrompts.insert(prompt)
      }
    }

    private mutating func controls(_ node: JSONNode) {
      guard case .object(let object) = node.value else {
        return report("controls is not an object of actions and keys", node.offset)
      }
      var changes: [ControlAction: [DTMFDigit]] = [:]
      for member in object.lastMembers {
        guard let action = ControlAction(rawValue: member.key) else {
          report("controls: there is no action “\(member.key.prefix(64))”", member.offset)
          continue
        }
        switch member.node.value {
        case .null: changes[action] = []
        case .string(let text):
          let keys = text.compactMap { DTMFDigit($0) }
          guard keys.count == text.count, text.isEmpty || ControlProfile.keyCount.contains(keys.count) else {
            report("controls: \(action.rawValue): two to four keys of a telephone", member.node.offset)
            continue
          }
          changes[action] = keys
        default: report("controls: \(action.rawValue): keys, or null for none", member.node.offset)
        }
      }
      let conflicts = ControlProfile.vmr.applying(changes).problems
      for conflict in conflicts { report("controls: \(conflict)", node.offset) }
      // Keys that mean two things would be worse than those people know.
      if conflicts.isEmpty { configuration.controls = changes }
    }
  }
}

extension ControlProfile {
  /// Other keys for actions; none: the action is taken away. One that is new here is for Hosts, but for what harms nobody. Where
  /// the result means two things at once, everything stays as it was.
  func changed(by changes: [ControlAction: [DTMFDigit]]) -> ControlProfile {
    let result = applying(changes)
    return result.problems.isEmpty ? result : self
  }

  func applying(_ changes: [ControlAction: [DTMFDigit]]) -> ControlProfile {
    var result = self
    for (action, keys) in changes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let old = result.controls.first { $0.action == action }
      result.controls.removeAll { $0.action == action }
      guard !keys.isEmpty else { continue }
      let standard: ControlAudience =
        action == .countParticipants || action == .toggleSelfMute ? .everybody : .host
      result.controls.append(Control(keys: keys, action: action, audience: old?.audience ?? standard))
    }
    return result
  }
}
