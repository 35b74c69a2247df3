import { createMachine } from 'xstate'

export const spoolMachine = createMachine({
  "id": "spool",
  "initial": "off",
  "states": {
    "off": {
      "entry": [
        {
          "type": "forgetFailures"
        },
        {
          "type": "announce"
        }
      ],
      "on": {
        "spool.enable": [
          {
            "target": "opening"
          }
        ]
      }
    },
    "opening": {
      "entry": [
        {
          "type": "forgetReopening"
        },
        {
          "type": "announce"
        }
      ],
      "invoke": [
        {
          "src": "open",
          "onDone": [
            {
              "target": "full",
              "guard": {
                "type": "foundFull"
              }
            },
            {
              "target": "ready"
            }
          ],
          "onError": [
            {
              "target": "failing",
              "actions": [
                {
                  "type": "noteError"
                }
              ]
            }
          ]
        }
      ],
      "on": {
        "spool.disable": [
          {
            "target": "closing"
          }
        ]
      }
    },
    "ready": {
      "entry": [
        {
          "type": "allow"
        },
        {
          "type": "announce"
        }
      ],
      "exit": [
        {
          "type": "forbid"
        }
      ],
      "on": {
        "spool.wrote": [
          {
            "actions": [
              {
                "type": "forgetFailures"
              }
            ]
          }
        ],
        "spool.filled": [
          {
            "target": "full"
          }
        ],
        "spool.failed": [
          {
            "target": "failing",
            "actions": [
              {
                "type": "noteError"
              }
            ]
          }
        ],
        "spool.disable": [
          {
            "target": "closing"
          }
        ]
      }
    },
    "full": {
      "entry": [
        {
          "type": "announce"
        }
      ],
      "on": {
        "spool.freed": [
          {
            "target": "ready"
          }
        ],
        "spool.failed": [
          {
            "target": "failing",
            "actions": [
              {
                "type": "noteError"
              }
            ]
          }
        ],
        "spool.disable": [
          {
            "target": "closing"
          }
        ]
      }
    },
    "failing": {
      "entry": [
        {
          "type": "noteFailure"
        },
        {
          "type": "announce"
        }
      ],
      "on": {
        "spool.disable": [
          {
            "target": "closing"
          }
        ]
      },
      "after": {
        "retryDelay": [
          {
            "target": "opening"
          }
        ]
      }
    },
    "closing": {
      "entry": [
        {
          "type": "announce"
        }
      ],
      "invoke": [
        {
          "src": "close",
          "onDone": [
            {
              "target": "opening",
              "guard": {
                "type": "reopens"
              }
            },
            {
              "target": "off"
            }
          ],
          "onError": [
            {
              "target": "opening",
              "guard": {
                "type": "reopens"
              },
              "actions": [
                {
                  "type": "noteError"
                }
              ]
            },
            {
              "target": "off",
              "actions": [
                {
                  "type": "noteError"
                }
              ]
            }
          ]
        }
      ],
      "on": {
        "spool.enable": [
          {
            "actions": [
              {
                "type": "planReopening"
              }
            ]
          }
        ],
        "spool.disable": [
          {
            "actions": [
              {
                "type": "forgetReopening"
              }
            ]
          }
        ]
      }
    }
  }
})
